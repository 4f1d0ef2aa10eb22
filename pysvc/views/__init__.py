"""What is shown to people and to other machines of the services of this one"""
